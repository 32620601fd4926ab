/** Waveforms that were computed: they are small, and the whole recording has to be read for one. */
import type { AudioFile, Waveform } from '../../../recorder/archive';
import type { OpenRecording } from '../../../recorder';

type OpenedAudio = AudioFile & { readonly recording: OpenRecording };

/** Some 10 kB each. */
const MAX_WAVEFORMS = 200;

export class WaveformCache {
  /** By file and content; a question that comes while the answer is computed waits for the same. */
  readonly #waveforms = new Map<string, Promise<Waveform | undefined>>();

  /** Closes the recording. Rejects with what reading it rejects with. */
  async get(
    { file, stamp, recording }: OpenedAudio,
    compute: (recording: OpenRecording) => Promise<Waveform | undefined>,
  ): Promise<Waveform | undefined> {
    const key = `${file}\0${stamp}`;
    const cached = this.#waveforms.get(key);
    if (cached) {
      await recording.close();
      return cached;
    }
    const waveform = compute(recording).finally(() => recording.close());
    this.#waveforms.set(key, waveform);
    for (const oldest of this.#waveforms.keys()) {
      if (this.#waveforms.size <= MAX_WAVEFORMS) break;
      this.#waveforms.delete(oldest);
    }
    // What failed may not fail again: a key may be known by then.
    waveform.catch(() => {
      this.#waveforms.delete(key);
    });
    return waveform;
  }
}
