/** What the station says about its work, as data: the procedure emits it, a renderer shows it. Field names are those of `--json`. */
import type { FailureCode, FailureConsequence } from '@imprint/contract/failure-code';
import type { StepName } from './line-failure.ts';

export type LabelMode = 'preprinted' | 'at-opening' | 'at-end';

export interface YieldCounts {
  /** Passed at the first attempt. */
  first_pass: number;
  /** Passed after an earlier attempt failed. */
  retested: number;
  /** Failed attempts whose unit may come again. */
  failed: number;
  /** Set aside. */
  quarantined: number;
}

export type LineEvent =
  | { event: 'ready'; station_id: string; realm: string; lanes: number[]; orders: string[] }
  | { event: 'notice'; code: string; message: string; hint: string | null }
  | { event: 'lane_selected'; lane: number; carrier: string | null; position: number | null }
  | { event: 'started'; lane: number; device_id: string | null }
  | { event: 'step'; lane: number; device_id: string | null; step: StepName }
  | { event: 'resumed'; lane: number; device_id: string | null; step: StepName; reason: string }
  | { event: 'label'; lane: number; device_id: string; mode: LabelMode }
  | {
      event: 'passed';
      lane: number;
      device_id: string;
      job_id: string;
      attempt: number;
      /** `done`: with receipt. `proven`: this visit is over, sealing follows. `checked`: pack, golden or must-fail sample. */
      state: 'done' | 'proven' | 'checked';
      /** True where the unit was finished before and nothing was written. */
      already: boolean;
      durations_ms: Record<string, number>;
    }
  | {
      event: 'failed';
      lane: number;
      device_id: string | null;
      job_id: string | null;
      step: StepName;
      failure_code: FailureCode;
      consequence: FailureConsequence;
      message: string;
      /** What the operator does now. */
      hint: string;
      /** Null where the authority could not be asked or no job was opened. */
      attempts_left: number | null;
      durations_ms: Record<string, number>;
    }
  | {
      event: 'reported';
      device_id: string;
      operation: string;
      outcome: 'pass' | 'fail';
      device_state: string;
    }
  | { event: 'refused'; lane: number | null; scan: string; message: string; hint: string }
  | { event: 'shift'; open: boolean; operator_id: string | null }
  | ({ event: 'yield' } & YieldCounts)
  | { event: 'stopped'; reason: string };

export type Emit = (event: LineEvent) => void;
