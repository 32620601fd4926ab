#!/usr/bin/env node
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { readFileKeys, splitKeys, openRecording } from '../recorder';

const KEY_VARIABLE = 'O2G_RECORDING_KEY';
const HELP = `o2g-decrypt FILE [OUT]: an encrypted recording as a plain file

  FILE   a .wav.enc or .rtpdump.enc
  OUT    where it goes; by default its name without .enc, in the present folder; - is the standard output
  --help

The key comes from the environment's ${KEY_VARIABLE}: what the recorder has as key, several separated by commas. A file that is there isn't overwritten.
Exit code: 0 done, 1 the recording was altered or needs another key, 2 it couldn't be done.`;

interface Command {
  readonly file: string;
  readonly out: string;
  readonly keys: readonly string[];
}

function readCommand(args: string[]): Command | undefined {
  const {
    values,
    positionals: [file, out, ...extra],
  } = parseArgs({ args, allowPositionals: true, options: { help: { type: 'boolean' } } });
  if (values.help) return undefined;
  if (file === undefined || extra.length > 0) throw new Error('one FILE must be given, and at most one OUT');
  const keys = splitKeys(process.env[KEY_VARIABLE] ?? '');
  if (keys.length === 0) throw new Error(`the key is missing: ${KEY_VARIABLE}`);
  return { file, out: out ?? path.basename(file).replace(/\.enc(?:\.part)?$/, ''), keys };
}

async function run({ file, out, keys }: Command): Promise<void> {
  const recording = await openRecording(file, await readFileKeys(keys));
  try {
    const target = out === '-' ? process.stdout : createWriteStream(out, { flags: 'wx', mode: 0o600 });
    await pipeline(Readable.from(recording.read(), { objectMode: false }), target);
  } catch (error) {
    // Half a recording would pass for a whole one. What was there before stays.
    if (out !== '-' && codeOf(error) !== 'EEXIST') await rm(out, { force: true });
    throw error;
  } finally {
    await recording.close();
  }
}

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

function fail(error: unknown): void {
  const code = codeOf(error);
  console.error(
    `o2g-decrypt: ${error instanceof Error ? error.message : String(error)}\nSee o2g-decrypt --help`,
  );
  process.exitCode = code === 'ALTERED' || code === 'KEY_UNKNOWN' ? 1 : 2;
}

try {
  const command = readCommand(process.argv.slice(2));
  if (command === undefined) console.log(HELP);
  else run(command).catch(fail);
} catch (error) {
  fail(error);
}
