import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import path from 'node:path';

import { invalid, messageOf, RecorderError, checkDays, checkRange, SAMPLE_RATE } from './common';
import { checkFileKey } from './encryption';
import { checkTemplate, DEFAULT_FILENAME } from './files';
import { bytesPerFrame, headerLength, MAX_WAV_BYTES, type FormatName } from './audio';
import { readSigningKey } from './evidence';

export interface RecorderOptions {
  /** IPv4 address that the devices send to: what `arm` answers. A host may have several, so it isn't guessed. */
  readonly address: string;
  /** Local IPv4 address of the ports. Default 0.0.0.0, all. */
  readonly bind?: string | undefined;
  /** First and last port, default 20000 to 29999. A device takes two even ones. */
  readonly portMin?: number | undefined;
  readonly portMax?: number | undefined;
  /** Where the recordings go. It is made when it isn't there. */
  readonly folder: string;
  /** Mustache template of the names, without extension: deviceNumber, user, startedAt, id, callRef, direction, party; `/` makes folders. */
  readonly filename?: string | undefined;
  /** `g711` (default) as it came, `pcm16` linear. */
  readonly format?: FormatName | undefined;
  /** Files are encrypted with the first of `keys`. Default false. */
  readonly encrypt?: boolean | undefined;
  /**
   * Each 32 bytes as hexadecimal digits or base64, or a passphrase of at least 16 characters. The first is for new files; all are for reading
   * what a crash left.
   */
  readonly keys?: readonly string[] | undefined;
  /** An Ed25519 private key in PEM: signs each line of the manifest. */
  readonly signingKey?: string | undefined;
  /** Recordings are deleted so many days after their end, unless under hold. Default 0: never. */
  readonly retentionDays?: number | undefined;
  /** `conversation` (default): a file each; `none`: one from arm to disarm. */
  readonly split?: 'conversation' | 'none' | undefined;
  /** A file is cut after so many minutes: 1..4400, with `pcm16` 2200. Default 240. */
  readonly maxMinutes?: number | undefined;
  /** Threads that receive, 1..16, default 1: one for each 800 calls. */
  readonly workers?: number | undefined;
  /** Payload types of RFC 4733 events, 96..127. Default 97 and 101, as OXEs announce them. */
  readonly dtmfPayloadTypes?: readonly number[] | undefined;
  /** Seconds of silence that are a fault while media is expected, 1..3600, default 5. */
  readonly noMediaAfter?: number | undefined;
}

export type CheckedOptions = {
  readonly [Name in Exclude<keyof RecorderOptions, 'signingKey'>]-?: Exclude<
    RecorderOptions[Name],
    undefined
  >;
} & Pick<RecorderOptions, 'signingKey'>;

const DEFAULTS = {
  bind: '0.0.0.0',
  portMin: 20_000,
  portMax: 29_999,
  filename: DEFAULT_FILENAME,
  format: 'g711',
  split: 'conversation',
  maxMinutes: 240,
  workers: 1,
  dtmfPayloadTypes: [97, 101],
  noMediaAfter: 5,
  encrypt: false,
  keys: [],
  retentionDays: 0,
} as const;

/** @throws RecorderError `INVALID_INPUT` naming the field, the value and the rule */
export function checkOptions(options: RecorderOptions): CheckedOptions {
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as RecorderOptions;
  const checked = { ...DEFAULTS, ...given } as CheckedOptions;
  for (const field of ['address', 'bind'] as const)
    if (!isIPv4(checked[field])) throw invalid(field, checked[field], 'an IPv4 address such as 192.0.2.10');
  if (checked.address === '0.0.0.0')
    throw invalid('address', checked.address, 'the address that devices send to, not the one for all');
  if (typeof checked.folder !== 'string' || checked.folder.trim() === '')
    throw invalid('folder', checked.folder, 'the path of a folder');
  checkRange('portMin', checked.portMin, 1, 65_535);
  checkRange('portMax', checked.portMax, 1, 65_535);
  if (checked.portMax < checked.portMin + 3)
    throw invalid(
      'portMax',
      checked.portMax,
      `at least ${checked.portMin + 3}: a device needs two even ports`,
    );
  checkOneOf('format', checked.format, ['g711', 'pcm16']);
  checkOneOf('split', checked.split, ['conversation', 'none']);
  checkRange('maxMinutes', checked.maxMinutes, 1, maxFileMinutes(checked.format));
  checkRange('workers', checked.workers, 1, 16);
  checkRange('noMediaAfter', checked.noMediaAfter, 1, 3600);
  if (!Array.isArray(checked.dtmfPayloadTypes))
    throw invalid('dtmfPayloadTypes', checked.dtmfPayloadTypes, 'a list of payload types');
  for (const payloadType of checked.dtmfPayloadTypes as unknown[])
    checkRange('dtmfPayloadTypes', payloadType, 96, 127);
  checkTemplate(checked.filename);
  checkEncryptionAndRetention(checked);
  return { ...checked, folder: path.resolve(checked.folder) };
}

/** Makes the folder if need be. @throws RecorderError `FOLDER_NOT_WRITABLE` */
export async function checkFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o750 });
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new RecorderError(
      'FOLDER_NOT_WRITABLE',
      `the folder ${folder} can't be written: ${messageOf(error)}`,
      error,
    );
  }
}

/** What RIFF's 32 bits count, in whole hundreds of minutes. */
function maxFileMinutes(format: FormatName): number {
  const minutes = (MAX_WAV_BYTES - headerLength(format)) / (60 * SAMPLE_RATE * bytesPerFrame(format));
  return 100 * Math.floor(minutes / 100);
}

function checkEncryptionAndRetention({ encrypt, keys, signingKey, retentionDays }: CheckedOptions): void {
  for (const key of keys) checkFileKey('key', key);
  if (encrypt && keys.length === 0)
    throw invalid('key', undefined, 'given when recordings are to be encrypted');
  if (signingKey !== undefined) readSigningKey(signingKey);
  checkDays('retentionDays', retentionDays);
}

function checkOneOf(field: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw invalid(field, value, `one of ${allowed.join(', ')}`);
}
