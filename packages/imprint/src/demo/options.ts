/** What the demo is asked for. */
export interface DemoOptions {
  devices: number;
  lanes: number;
  /** Simulator processes; each holds a share of the units and lanes. */
  trays: number;
  /** Share of exchanges with a unit that are disturbed. */
  faults: number;
  seed: string;
  home: string;
  link: 'pty' | 'tcp';
  /** The product's contract; absent: the example gateway's. */
  contract?: string;
  keep: boolean;
  json: boolean;
}
