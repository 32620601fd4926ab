/** How the files of a recording are named. Names are relative to the folder, separated by `/`, without extension. */
import type { Channel } from '../common';

interface Named {
  readonly name: string;
  /** Set when it is encrypted. */
  readonly keyId?: string | undefined;
}

/** What is being made; it loses this when it is complete. */
export const PART = '.part';
const ENCRYPTED = '.enc';

const encryption = (keyId: string | undefined): string => (keyId === undefined ? '' : ENCRYPTED);

export const audioOf = ({ name, keyId }: Named): string => `${name}.wav${encryption(keyId)}`;
export const rawOf = ({ name, keyId }: Named, channel: Channel): string =>
  `${name}.${channel}.rtpdump${encryption(keyId)}`;
/** Packets that are kept beside this audio, encrypted as it is. */
export const rawBeside = (audio: string, channel: Channel): string =>
  audio.replace(/\.wav(?=(?:\.enc)?$)/, `.${channel}.rtpdump`);
export const metadataOf = (name: string): string => `${name}.json`;

/** The name in a path such as `70120/a.wav.enc`; undefined for anything that a recorder doesn't name so, paths that lead elsewhere above all. */
export function nameOfAudio(file: string): string | undefined {
  const [, name] = /^([^\0]+)\.wav(?:\.enc)?$/.exec(file) ?? [];
  const plain = name?.split(/[/\\]/).every((part) => part !== '' && part !== '.' && part !== '..');
  return plain && !/^[A-Za-z]:/.test(file) ? name : undefined;
}
