/**
 * The recorder of `recorder/` as links and nodes use it: loaded when somebody needs it, told what calls do, and asked again when it could
 * not start. It joins the two libraries, which know nothing of each other.
 */
import {
  CallHistory,
  asO2GError,
  O2GError,
  Signal,
  type PlacedCall,
  type Conversation,
  type Log,
  type IpTarget,
  type MediaPort,
  type PauseReason,
  type SrtpKeys,
} from '../../../o2g';
import type {
  Alarm,
  DeviceContext,
  FinishedRecording,
  Keeping,
  Kept,
  Recorder,
  RecorderMetrics,
  RecordingEnd,
  RecorderOptions,
} from '../../../recorder';

/** What nobody asked for, in the order in which it happened. */
export type RecorderNews =
  | { readonly topic: 'finished'; readonly payload: FinishedRecording }
  | { readonly topic: 'alarm'; readonly payload: Alarm };

export interface BuiltInRecorderParts {
  readonly log: Log;
  onUndecipherable(deviceNumber: string): void;
  /** It is closed: nobody shall find it any more. */
  onClose(): void;
}

/** Far more than a deploy can hold up. */
const MOST_HELD = 10_000;
/** Ends of a file with which nothing ended: another file goes on there. */
const CUT: ReadonlySet<string> = new Set(['rotation', 'crash']);
/** What a change of keys looks like, with and without authentication, and when the OXE encrypts though nobody said so. */
const UNDECIPHERABLE: ReadonlySet<Alarm['alarm']> = new Set<Alarm['alarm']>([
  'encrypted',
  'auth-failed',
  'keys-missing',
]);

export class BuiltInRecorder implements MediaPort {
  readonly onNews: Signal<RecorderNews>;
  /** It could not start: the folder can't be written, say. */
  readonly onFailure: Signal<O2GError>;
  /** Something is being recorded: once a second and device, with its number. */
  readonly onLevel: Signal<string>;
  /** What is in force for a finished recording has changed: it is held, released, or deleted. */
  readonly onKept: Signal<Kept>;
  readonly #options: RecorderOptions;
  readonly #parts: BuiltInRecorderParts;
  #recorder: Promise<Recorder> | undefined;
  #started: Recorder | undefined;
  /** Settled when the predecessor is closed. */
  readonly #mayStart: Promise<void>;
  #letStart: () => void = () => undefined;
  #held: RecorderNews[] | undefined;
  #closing: Promise<void> | undefined;
  readonly #armed = new Set<string>();
  /** The conversation of each device, for names. */
  readonly #conversations = new Map<string, Conversation>();
  /** What the calls of each device did, for the metadata. */
  readonly #histories = new Map<string, CallHistory>();
  /** When conversations were over whose files are being completed: calls that begin meanwhile are not in them. */
  readonly #overAt = new Map<string, number>();
  readonly #alarms = new Map<string, Alarm>();

  constructor(options: RecorderOptions, parts: BuiltInRecorderParts) {
    this.#options = options;
    this.#parts = parts;
    this.onNews = new Signal(parts.log);
    this.onFailure = new Signal(parts.log);
    this.onLevel = new Signal(parts.log);
    this.onKept = new Signal(parts.log);
    this.#mayStart = new Promise((resolve) => {
      this.#letStart = resolve;
    });
  }

  /** Starts, and completes what a crash left. Never rejects: what prevents it is told, and tried again with the next device. */
  async start(): Promise<void> {
    this.#letStart();
    await this.#ready().catch(() => undefined);
  }

  /** From now on news waits: those who get it are being replaced. */
  hold(): void {
    this.#held ??= [];
  }

  /** Hands on what has waited. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const news of held) this.onNews.emit(news);
  }

  /** Undefined while it isn't started. */
  get metrics(): RecorderMetrics | undefined {
    return this.#started?.metrics();
  }

  /** Alarms that are on, the oldest first. */
  get alarms(): readonly Alarm[] {
    return [...this.#alarms.values()];
  }

  async arm(deviceNumber: string, was: IpTarget | undefined, secure: boolean | undefined): Promise<IpTarget> {
    const ports = was && { sent: was.sentFlowPort, received: was.receivedFlowPort };
    const armed = await this.#do((recorder) =>
      recorder.arm(deviceNumber, { ...this.#contextOf(deviceNumber), secure, ports }),
    );
    this.#armed.add(deviceNumber);
    return { mode: 'ip', ...armed };
  }

  async setKeys(deviceNumber: string, keys: SrtpKeys | undefined): Promise<void> {
    const { key, salt } = keys ?? {};
    await this.#do((recorder) =>
      recorder.setKeys(deviceNumber, key === undefined || salt === undefined ? undefined : { key, salt }),
    );
  }

  isUndecipherable(deviceNumber: string): boolean {
    return [...UNDECIPHERABLE].some((alarm) => this.#alarms.has(keyOf(deviceNumber, alarm)));
  }

  async pause(deviceNumber: string, why: PauseReason): Promise<void> {
    await this.#do((recorder) => recorder.pause(deviceNumber, why));
  }

  async resume(deviceNumber: string): Promise<void> {
    await this.#do((recorder) => recorder.resume(deviceNumber));
  }

  /** Holds, releases, retains or deletes a finished recording. @throws O2GError with the recorder's codes */
  keep(work: (keeping: Keeping) => Promise<Kept>): Promise<Kept> {
    return this.#do((recorder) => work(recorder.keeping));
  }

  follow(deviceNumber: string, conversation: Conversation): void {
    this.#follow(deviceNumber, conversation).catch((error: unknown) => {
      this.#parts.log.debug(`${deviceNumber}: ${asO2GError(error).message}`);
    });
  }

  async disarm(deviceNumber: string): Promise<void> {
    this.#armed.delete(deviceNumber);
    try {
      await this.#started?.disarm(deviceNumber);
      this.#conversations.delete(deviceNumber);
      this.#histories.delete(deviceNumber);
    } catch (error) {
      this.#parts.log.warn(`${deviceNumber}: ${asO2GError(error).message}`);
    }
  }

  /** Completes everything, in 5 s at most. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#parts.onClose();
    const started = await this.#recorder?.catch(() => undefined);
    await started?.close();
    // Those to whom it is told may be closed as well; the metadata beside each file says the same.
    this.release();
  }

  /** Nothing is awaited before the recorder is told: events may come faster than it answers, and it must be told in their order. */
  async #follow(deviceNumber: string, conversation: Conversation): Promise<void> {
    const { state, calls, lives } = conversation;
    const recorder = this.#armed.has(deviceNumber) ? this.#started : undefined;
    if (!recorder) return;
    const nowMs = Date.now();
    const history = this.#historyOf(deviceNumber);
    history.add(lives, nowMs);
    if (state === 'over') {
      this.#conversations.delete(deviceNumber);
      // One file from start to stop: between two conversations nothing is expected.
      if (this.#options.split === 'none') return recorder.expectMedia(deviceNumber, false);
      await this.#endConversation(recorder, deviceNumber, nowMs);
      history.forget(nowMs);
      return;
    }
    const before = this.#conversations.get(deviceNumber);
    this.#conversations.set(deviceNumber, conversation);
    await Promise.all([
      // Names of files and folders are made of it when the first packets come.
      before?.calls.length === calls.length
        ? undefined
        : recorder.arm(deviceNumber, this.#contextOf(deviceNumber)),
      state === 'waiting' ? undefined : recorder.expectMedia(deviceNumber, state === 'talking'),
    ]);
  }

  #contextOf(deviceNumber: string): DeviceContext {
    const call = this.#conversations.get(deviceNumber)?.calls.at(-1);
    return call
      ? { user: call.user, callRef: call.callRef, direction: call.direction, party: call.parties[0]?.number }
      : {};
  }

  async #endConversation(recorder: Recorder, deviceNumber: string, nowMs: number): Promise<void> {
    this.#overAt.set(deviceNumber, nowMs);
    try {
      await recorder.endConversation(deviceNumber);
    } finally {
      this.#overAt.delete(deviceNumber);
    }
  }

  #historyOf(deviceNumber: string): CallHistory {
    const history = this.#histories.get(deviceNumber) ?? new CallHistory(deviceNumber);
    this.#histories.set(deviceNumber, history);
    return history;
  }

  async #do<T>(work: (recorder: Recorder) => Promise<T>): Promise<T> {
    if (this.#closing) throw new O2GError('CLOSED', 'the recorder is closed');
    try {
      return await work(await this.#ready());
    } catch (error) {
      throw inOurWords(error);
    }
  }

  async #ready(): Promise<Recorder> {
    this.#recorder ??= this.#start();
    try {
      return await this.#recorder;
    } catch (error) {
      // A folder that can't be written now may be the next time.
      this.#recorder = undefined;
      throw error;
    }
  }

  async #start(): Promise<Recorder> {
    await this.#mayStart;
    try {
      const { Recorder: Library } = await import('../../../recorder/index.js');
      const recorder = new Library(this.#options, {
        describe: (recording) => this.#describe(recording),
        warn: (line) => {
          this.#parts.log.warn(line);
        },
      });
      recorder.on('started', ({ deviceNumber, id, startedAt }) => {
        this.#historyOf(deviceNumber).open(id, Date.parse(startedAt));
      });
      recorder.on('level', ({ deviceNumber }) => {
        this.onLevel.emit(deviceNumber);
      });
      recorder.on('finished', (payload) => {
        this.#tell({ topic: 'finished', payload });
      });
      recorder.on('alarm', (payload) => {
        this.#alarm(payload);
      });
      recorder.on('kept', (kept) => {
        this.onKept.emit(kept);
      });
      await recorder.start();
      this.#started = recorder;
      // Not awaited: hashing what a crash left may take longer than the next call.
      void recorder.recover();
      return recorder;
    } catch (error) {
      const known = inOurWords(error);
      this.onFailure.emit(known);
      throw known;
    }
  }

  /**
   * The calls of a file, as `o2g-calls` tells them, with their changes placed in it. A call is held or ends after the last packet, which
   * may be long before: only a file that was cut ends where its audio does.
   */
  #describe({ id, deviceNumber, startedAt, endedAt, endedBy }: RecordingEnd): {
    readonly calls?: readonly PlacedCall[];
  } {
    const toMs = CUT.has(endedBy) ? Date.parse(endedAt) : (this.#overAt.get(deviceNumber) ?? Date.now());
    const calls = this.#histories.get(deviceNumber)?.close(id, Date.parse(startedAt), toMs) ?? [];
    return calls.length === 0 ? {} : { calls };
  }

  #alarm(alarm: Alarm): void {
    const key = keyOf(alarm.deviceNumber, alarm.alarm);
    if (alarm.until === undefined) this.#alarms.set(key, alarm);
    else this.#alarms.delete(key);
    this.#tell({ topic: 'alarm', payload: alarm });
    if (alarm.until === undefined && UNDECIPHERABLE.has(alarm.alarm))
      this.#parts.onUndecipherable(alarm.deviceNumber);
  }

  #tell(news: RecorderNews): void {
    if (this.#held && this.#held.length < MOST_HELD) this.#held.push(news);
    else if (!this.#held) this.onNews.emit(news);
  }
}

const keyOf = (deviceNumber: string, alarm: Alarm['alarm']): string => `${deviceNumber} ${alarm}`;

/** Errors of the recorder keep their codes: they say what to do about them. */
export function inOurWords(error: unknown): O2GError {
  if (error instanceof O2GError) return error;
  if (error instanceof Error && error.name === 'RecorderError' && 'code' in error)
    return new O2GError(String(error.code), error.message);
  return asO2GError(error);
}
