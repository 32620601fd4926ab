/** How the files of a recording are named. Names are relative to the folder, separated by `/`, without extension. */
import type { Channel } from '../common';

interface RecordingName {
  readonly name: string;
  /** Set when it is encrypted. */
  readonly keyId?: string | undefined;
}

/** What is being made; it loses this when it is complete. */
export const PART_EXTENSION = '.part';
const ENCRYPTED_EXTENSION = '.enc';

const encryptedExtension = (keyId: string | undefined): string =>
  keyId === undefined ? '' : ENCRYPTED_EXTENSION;

export const audioPath = ({ name, keyId }: RecordingName): string =>
  `${name}.wav${encryptedExtension(keyId)}`;
export const rawPath = ({ name, keyId }: RecordingName, channel: Channel): string =>
  `${name}.${channel}.rtpdump${encryptedExtension(keyId)}`;
/** Packets that are kept beside this audio, encrypted as it is. */
export const rawPathBeside = (audio: string, channel: Channel): string =>
  audio.replace(/\.wav(?=(?:\.enc)?$)/, `.${channel}.rtpdump`);
export const metadataPath = (name: string): string => `${name}.json`;

/** The name in a path such as `70120/a.wav.enc`; undefined for anything that a recorder doesn't name so, paths that lead elsewhere above all. */
export function nameFromAudioPath(file: string): string | undefined {
  const [, name] = /^([^\0]+)\.wav(?:\.enc)?$/.exec(file) ?? [];
  const plain = name?.split(/[/\\]/).every((part) => part !== '' && part !== '.' && part !== '..');
  return plain && !/^[A-Za-z]:/.test(file) ? name : undefined;
}
