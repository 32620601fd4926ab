/** Waveforms that were computed: they are small, and the whole recording has to be read for one. */
import type { Audio, Waveform } from '../../../recorder/archive';
import type { OpenRecording } from '../../../recorder';

type Opened = Audio & { readonly recording: OpenRecording };

/** Some 10 kB each. */
const MOST = 200;

export class Waveforms {
  /** By file and content; a question that comes while the answer is computed waits for the same. */
  readonly #known = new Map<string, Promise<Waveform | undefined>>();

  /** Closes the recording. Rejects with what reading it rejects with. */
  async get(
    { file, stamp, recording }: Opened,
    compute: (recording: OpenRecording) => Promise<Waveform | undefined>,
  ): Promise<Waveform | undefined> {
    const key = `${file}\0${stamp}`;
    const known = this.#known.get(key);
    if (known) {
      await recording.close();
      return known;
    }
    const computed = compute(recording).finally(() => recording.close());
    this.#known.set(key, computed);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST) break;
      this.#known.delete(oldest);
    }
    // What failed may not fail again: a key may be known by then.
    computed.catch(() => {
      this.#known.delete(key);
    });
    return computed;
  }
}
