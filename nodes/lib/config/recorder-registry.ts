/** The built-in recorders of a runtime by the ids of their nodes: what links know of them. */
import { Signal, type RecorderPorts } from '../../../o2g';
import type { RecorderAdapter } from '../recorder';
import { runtimeLog } from './node-lookup';
import { oncePerRuntime } from '../lifecycle';

class RecorderRegistry implements RecorderPorts {
  readonly onChanged: Signal<string>;
  readonly onUndecipherable: Signal<{ readonly recorder: string; readonly deviceNumber: string }>;
  readonly #byId = new Map<string, RecorderAdapter>();

  constructor(log: ConstructorParameters<typeof Signal>[0]) {
    this.onChanged = new Signal(log);
    this.onUndecipherable = new Signal(log);
  }

  get all(): RecorderAdapter[] {
    return [...this.#byId.values()];
  }

  get hasRecorders(): boolean {
    return this.#byId.size > 0;
  }

  find(recorderId: string): RecorderAdapter | undefined {
    return this.#byId.get(recorderId);
  }

  /** @returns takes it off again, unless another one has its place by then */
  add(recorderId: string, recorder: RecorderAdapter): () => void {
    this.#byId.set(recorderId, recorder);
    this.onChanged.emit(recorderId);
    return () => {
      if (this.#byId.get(recorderId) !== recorder) return;
      this.#byId.delete(recorderId);
      this.onChanged.emit(recorderId);
    };
  }
}

/** The recorders of a runtime. */
export const recordersOf = oncePerRuntime((RED) => new RecorderRegistry(runtimeLog(RED)));
