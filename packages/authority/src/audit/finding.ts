/** What an audit found wrong, by table and row, and a list of such findings that cannot grow without end. */

export interface Finding {
  table: string;
  /** The row's key, as `column=value`; empty where the whole table is meant. */
  row: string;
  column?: string;
  /** A plain sentence's end: what is wrong. */
  what: string;
}

const maxFindings = 200;

export class Findings {
  readonly list: Finding[] = [];
  /** All that were found, those beyond the list included. */
  total = 0;

  add(finding: Finding): void {
    this.total++;
    if (this.list.length < maxFindings) this.list.push(finding);
  }
}
