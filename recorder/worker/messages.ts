/** What the main thread and its workers say to each other. Everything is cloned on the way; keys are handed over, not copied. */
import type { DeviceOptions, DeviceSnapshot } from '../conversation';
import type { RecorderErrorCode, Alarm, Channel, DeviceContext, Recorded } from '../common';
import type { MasterKey } from '../srtp';
import type { Owner } from '../files';

/** What a worker is started with. */
export interface WorkerData {
  readonly bind: string;
  readonly options: Omit<DeviceOptions, 'flushMs'>;
  readonly owner: Owner;
}

export type Order =
  | {
      readonly do: 'arm';
      readonly deviceNumber: string;
      readonly context: DeviceContext;
      readonly secure: boolean;
      readonly ports: Readonly<Record<Channel, number>>;
    }
  | { readonly do: 'describe'; readonly deviceNumber: string; readonly context: DeviceContext }
  | { readonly do: 'keys'; readonly deviceNumber: string; readonly master: MasterKey | undefined }
  | { readonly do: 'expect'; readonly deviceNumber: string; readonly expected: boolean }
  | {
      readonly do: 'pause';
      readonly deviceNumber: string;
      readonly by: string | undefined;
      readonly reason: string | undefined;
      readonly resumeAfterMs: number;
    }
  | { readonly do: 'resume'; readonly deviceNumber: string }
  | { readonly do: 'end'; readonly deviceNumber: string; readonly endedBy: string }
  | { readonly do: 'disarm'; readonly deviceNumber: string; readonly endedBy: string }
  | { readonly do: 'close' };

export interface Request {
  readonly request: number;
  readonly order: Order;
}

export interface Refusal {
  readonly code: RecorderErrorCode | 'PORT_TAKEN';
  readonly message: string;
  /** The port that another program has. */
  readonly port?: number;
}

export type FromWorker =
  | { readonly tells: 'reply'; readonly request: number; readonly refusal?: Refusal }
  | { readonly tells: 'recorded'; readonly recorded: Recorded }
  | { readonly tells: 'alarm'; readonly alarm: Alarm }
  | {
      readonly tells: 'started';
      readonly deviceNumber: string;
      readonly id: string;
      readonly startedAt: string;
    }
  | { readonly tells: 'snapshot'; readonly devices: readonly DeviceSnapshot[] };
