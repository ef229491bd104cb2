import type { Command } from 'commander';
export function addRunJobCommand(_station: Command): void {}
