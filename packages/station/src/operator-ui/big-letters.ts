/** Words in letters that are read from three metres: seven rows of blocks. */

const letters: Record<string, readonly string[]> = {
  A: [' ███ ', '█   █', '█   █', '█████', '█   █', '█   █', '█   █'],
  D: ['████ ', '█   █', '█   █', '█   █', '█   █', '█   █', '████ '],
  E: ['█████', '█    ', '█    ', '████ ', '█    ', '█    ', '█████'],
  F: ['█████', '█    ', '█    ', '████ ', '█    ', '█    ', '█    '],
  I: ['█████', '  █  ', '  █  ', '  █  ', '  █  ', '  █  ', '█████'],
  L: ['█    ', '█    ', '█    ', '█    ', '█    ', '█    ', '█████'],
  N: ['█   █', '██  █', '██  █', '█ █ █', '█  ██', '█  ██', '█   █'],
  P: ['████ ', '█   █', '█   █', '████ ', '█    ', '█    ', '█    '],
  S: [' ████', '█    ', '█    ', ' ███ ', '    █', '    █', '████ '],
  T: ['█████', '  █  ', '  █  ', '  █  ', '  █  ', '  █  ', '  █  '],
};

/** The rows of a word; each block is two columns wide, since a terminal's cells are twice as high as they are wide. */
export function bigLetters(word: string): string[] {
  return Array.from({ length: 7 }, (_, row) =>
    Array.from(word, (letter) =>
      Array.from(letters[letter]?.[row] ?? '     ', (cell) => cell.repeat(2)).join(''),
    )
      .join('   ')
      .trimEnd(),
  );
}
