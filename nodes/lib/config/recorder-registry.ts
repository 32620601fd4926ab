/** The built-in recorders of a runtime by the ids of their nodes: what links know of them. */
import { Signal, type MediaPorts } from '../../../o2g';
import type { BuiltInRecorder } from '../recorder';
import { oncePerRuntime } from '../lifecycle';

class Recorders implements MediaPorts {
  readonly onChanged: Signal<string>;
  readonly onUndecipherable: Signal<{ readonly recorder: string; readonly deviceNumber: string }>;
  readonly #byId = new Map<string, BuiltInRecorder>();

  constructor(log: ConstructorParameters<typeof Signal>[0]) {
    this.onChanged = new Signal(log);
    this.onUndecipherable = new Signal(log);
  }

  get all(): BuiltInRecorder[] {
    return [...this.#byId.values()];
  }

  get any(): boolean {
    return this.#byId.size > 0;
  }

  find(recorder: string): BuiltInRecorder | undefined {
    return this.#byId.get(recorder);
  }

  /** @returns takes it off again, unless another one has its place by then */
  add(recorder: string, media: BuiltInRecorder): () => void {
    this.#byId.set(recorder, media);
    this.onChanged.emit(recorder);
    return () => {
      if (this.#byId.get(recorder) !== media) return;
      this.#byId.delete(recorder);
      this.onChanged.emit(recorder);
    };
  }
}

/** The recorders of a runtime. */
export const recordersOf = oncePerRuntime((RED) => {
  const log = (line: string): void => {
    RED.log.warn(line);
  };
  return new Recorders({ info: log, warn: log, debug: log });
});
