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
  type Logger,
  type IpTarget,
  type RecorderPort,
  type PauseReason,
  type SrtpKeys,
} from '../../../o2g';
import type {
  Alarm,
  DeviceContext,
  FinishedRecording,
  Retention,
  RetentionState,
  Recorder,
  RecorderMetrics,
  RecordingEnd,
  RecorderOptions,
} from '../../../recorder';

/** What nobody asked for, in the order in which it happened. */
export type RecorderEvent =
  | { readonly topic: 'finished'; readonly payload: FinishedRecording }
  | { readonly topic: 'alarm'; readonly payload: Alarm };

export interface RecorderAdapterContext {
  readonly log: Logger;
  onUndecipherable(deviceNumber: string): void;
  /** It is closed: nobody shall find it any more. */
  onClose(): void;
}

/** Far more than a deploy can hold up. */
const MAX_HELD_RECORDER_EVENTS = 10_000;
/** Ends of a file with which nothing ended: another file goes on there. */
const CUT_REASONS: ReadonlySet<string> = new Set(['rotation', 'crash']);
/** What a change of keys looks like, with and without authentication, and when the OXE encrypts though nobody said so. */
const UNDECIPHERABLE_ALARMS: ReadonlySet<Alarm['alarm']> = new Set<Alarm['alarm']>([
  'encrypted',
  'auth-failed',
  'keys-missing',
]);

export class RecorderAdapter implements RecorderPort {
  readonly onEvent: Signal<RecorderEvent>;
  /** It could not start: the folder can't be written, say. */
  readonly onFailure: Signal<O2GError>;
  /** Something is being recorded: once a second and device, with its number. */
  readonly onLevel: Signal<string>;
  /** What is in force for a finished recording has changed: it is held, released, or deleted. */
  readonly onRetentionChanged: Signal<RetentionState>;
  readonly #options: RecorderOptions;
  readonly #context: RecorderAdapterContext;
  #recorder: Promise<Recorder> | undefined;
  #startedRecorder: Recorder | undefined;
  /** Settled when the predecessor is closed. */
  readonly #startAllowed: Promise<void>;
  #allowStart: () => void = () => undefined;
  #heldEvents: RecorderEvent[] | undefined;
  #closing: Promise<void> | undefined;
  readonly #armed = new Set<string>();
  /** The conversation of each device, for names. */
  readonly #conversations = new Map<string, Conversation>();
  /** What the calls of each device did, for the metadata. */
  readonly #histories = new Map<string, CallHistory>();
  /** When conversations were over whose files are being completed: calls that begin meanwhile are not in them. */
  readonly #conversationEndMs = new Map<string, number>();
  readonly #alarms = new Map<string, Alarm>();

  constructor(options: RecorderOptions, context: RecorderAdapterContext) {
    this.#options = options;
    this.#context = context;
    this.onEvent = new Signal(context.log);
    this.onFailure = new Signal(context.log);
    this.onLevel = new Signal(context.log);
    this.onRetentionChanged = new Signal(context.log);
    this.#startAllowed = new Promise((resolve) => {
      this.#allowStart = resolve;
    });
  }

  /** Starts, and completes what a crash left. Never rejects: what prevents it is told, and tried again with the next device. */
  async start(): Promise<void> {
    this.#allowStart();
    await this.#ready().catch(() => undefined);
  }

  /** From now on news waits: those who get it are being replaced. */
  holdEvents(): void {
    this.#heldEvents ??= [];
  }

  /** Hands on what has waited. */
  releaseEvents(): void {
    const heldEvents = this.#heldEvents ?? [];
    this.#heldEvents = undefined;
    for (const event of heldEvents) this.onEvent.emit(event);
  }

  /** Undefined while it isn't started. */
  get metrics(): RecorderMetrics | undefined {
    return this.#startedRecorder?.metrics();
  }

  /** Alarms that are on, the oldest first. */
  get alarms(): readonly Alarm[] {
    return [...this.#alarms.values()];
  }

  async arm(
    deviceNumber: string,
    previous: IpTarget | undefined,
    secure: boolean | undefined,
  ): Promise<IpTarget> {
    const ports = previous && { sent: previous.sentFlowPort, received: previous.receivedFlowPort };
    const armed = await this.#withRecorder((recorder) =>
      recorder.arm(deviceNumber, { ...this.#contextOf(deviceNumber), secure, ports }),
    );
    this.#armed.add(deviceNumber);
    return { mode: 'ip', ...armed };
  }

  async setKeys(deviceNumber: string, keys: SrtpKeys | undefined): Promise<void> {
    const { key, salt } = keys ?? {};
    await this.#withRecorder((recorder) =>
      recorder.setKeys(deviceNumber, key === undefined || salt === undefined ? undefined : { key, salt }),
    );
  }

  isUndecipherable(deviceNumber: string): boolean {
    return [...UNDECIPHERABLE_ALARMS].some((alarm) => this.#alarms.has(alarmKey(deviceNumber, alarm)));
  }

  async pause(deviceNumber: string, reason: PauseReason): Promise<void> {
    await this.#withRecorder((recorder) => recorder.pause(deviceNumber, reason));
  }

  async resume(deviceNumber: string): Promise<void> {
    await this.#withRecorder((recorder) => recorder.resume(deviceNumber));
  }

  /** Holds, releases, retains or deletes a finished recording. @throws O2GError with the recorder's codes */
  applyRetention(work: (retention: Retention) => Promise<RetentionState>): Promise<RetentionState> {
    return this.#withRecorder((recorder) => work(recorder.retention));
  }

  follow(deviceNumber: string, conversation: Conversation): void {
    this.#follow(deviceNumber, conversation).catch((error: unknown) => {
      this.#context.log.debug(`${deviceNumber}: ${asO2GError(error).message}`);
    });
  }

  forgetCalls(deviceNumber: string): void {
    this.#conversations.delete(deviceNumber);
    if (!this.#armed.has(deviceNumber)) return;
    this.#startedRecorder?.expectMedia(deviceNumber, undefined).catch((error: unknown) => {
      this.#context.log.debug(`${deviceNumber}: ${asO2GError(error).message}`);
    });
  }

  async disarm(deviceNumber: string): Promise<void> {
    this.#armed.delete(deviceNumber);
    try {
      await this.#startedRecorder?.disarm(deviceNumber);
      this.#conversations.delete(deviceNumber);
      this.#histories.delete(deviceNumber);
    } catch (error) {
      this.#context.log.warn(`${deviceNumber}: ${asO2GError(error).message}`);
    }
  }

  /** Completes everything, in 5 s at most. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#context.onClose();
    const started = await this.#recorder?.catch(() => undefined);
    await started?.close();
    // Those to whom it is told may be closed as well; the metadata beside each file says the same.
    this.releaseEvents();
  }

  /** Nothing is awaited before the recorder is told: events may come faster than it answers, and it must be told in their order. */
  async #follow(deviceNumber: string, conversation: Conversation): Promise<void> {
    const { state, calls, timelines } = conversation;
    const recorder = this.#armed.has(deviceNumber) ? this.#startedRecorder : undefined;
    if (!recorder) return;
    const nowMs = Date.now();
    const history = this.#historyOf(deviceNumber);
    history.add(timelines, nowMs);
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
    this.#conversationEndMs.set(deviceNumber, nowMs);
    try {
      await recorder.endConversation(deviceNumber);
    } finally {
      this.#conversationEndMs.delete(deviceNumber);
    }
  }

  #historyOf(deviceNumber: string): CallHistory {
    const history = this.#histories.get(deviceNumber) ?? new CallHistory(deviceNumber);
    this.#histories.set(deviceNumber, history);
    return history;
  }

  async #withRecorder<T>(work: (recorder: Recorder) => Promise<T>): Promise<T> {
    if (this.#closing) throw new O2GError('CLOSED', 'the recorder is closed');
    try {
      return await work(await this.#ready());
    } catch (error) {
      throw fromRecorderError(error);
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
    await this.#startAllowed;
    try {
      const { Recorder: RecorderClass } = await import('../../../recorder/index.js');
      const recorder = new RecorderClass(this.#options, {
        describe: (recording) => this.#describe(recording),
        warn: (line) => {
          this.#context.log.warn(line);
        },
      });
      recorder.on('started', ({ deviceNumber, id, startedAt }) => {
        this.#historyOf(deviceNumber).open(id, Date.parse(startedAt));
      });
      recorder.on('level', ({ deviceNumber }) => {
        this.onLevel.emit(deviceNumber);
      });
      recorder.on('finished', (payload) => {
        this.#emit({ topic: 'finished', payload });
      });
      recorder.on('alarm', (payload) => {
        this.#handleAlarm(payload);
      });
      recorder.on('retention', (retentionState) => {
        this.onRetentionChanged.emit(retentionState);
      });
      await recorder.start();
      this.#startedRecorder = recorder;
      // Not awaited: hashing what a crash left may take longer than the next call.
      void recorder.recover();
      return recorder;
    } catch (error) {
      const o2gError = fromRecorderError(error);
      this.onFailure.emit(o2gError);
      throw o2gError;
    }
  }

  /**
   * The calls of a file, as `o2g-calls` tells them, with their changes placed in it. A call is held or ends after the last packet, which
   * may be long before: only a file that was cut ends where its audio does.
   */
  #describe({ id, deviceNumber, startedAt, endedAt, endedBy }: RecordingEnd): {
    readonly calls?: readonly PlacedCall[];
  } {
    const toMs = CUT_REASONS.has(endedBy)
      ? Date.parse(endedAt)
      : (this.#conversationEndMs.get(deviceNumber) ?? Date.now());
    const calls = this.#histories.get(deviceNumber)?.close(id, Date.parse(startedAt), toMs) ?? [];
    return calls.length === 0 ? {} : { calls };
  }

  #handleAlarm(alarm: Alarm): void {
    const key = alarmKey(alarm.deviceNumber, alarm.alarm);
    if (alarm.until === undefined) this.#alarms.set(key, alarm);
    else this.#alarms.delete(key);
    this.#emit({ topic: 'alarm', payload: alarm });
    if (alarm.until === undefined && UNDECIPHERABLE_ALARMS.has(alarm.alarm))
      this.#context.onUndecipherable(alarm.deviceNumber);
  }

  #emit(event: RecorderEvent): void {
    if (this.#heldEvents && this.#heldEvents.length < MAX_HELD_RECORDER_EVENTS) this.#heldEvents.push(event);
    else if (!this.#heldEvents) this.onEvent.emit(event);
  }
}

const alarmKey = (deviceNumber: string, alarm: Alarm['alarm']): string => `${deviceNumber} ${alarm}`;

/** Errors of the recorder keep their codes: they say what to do about them. */
export function fromRecorderError(error: unknown): O2GError {
  if (error instanceof O2GError) return error;
  if (error instanceof Error && error.name === 'RecorderError' && 'code' in error)
    return new O2GError(String(error.code), error.message);
  return asO2GError(error);
}
