#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readPublicKey, verifyFolder, type FolderVerification, type VerifyOptions } from '../recorder';

const HELP = `o2g-verify FOLDER: are the recordings in this folder what was recorded?

  --public-key FILE   the lines of the manifest must be signed by this key (PEM); may be given several times
  --expect SHA256     the manifest must have this line: a value that was kept elsewhere (manifestSha256 of a message)
  --json              the result as JSON
  --help

It only reads, and may run while recordings are made. Exit code: 0 all is well, 1 something was found, 2 it couldn't be checked.`;

interface Command {
  readonly folder: string;
  readonly json: boolean;
  readonly options: VerifyOptions;
}

function readCommand(args: string[]): Command | undefined {
  const {
    values,
    positionals: [folder, ...extra],
  } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      'public-key': { type: 'string', multiple: true },
      expect: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return undefined;
  if (folder === undefined || extra.length > 0) throw new Error('one folder must be given');
  if (values.expect !== undefined && !/^[0-9a-f]{64}$/i.test(values.expect))
    throw new Error('--expect must be a SHA-256: 64 hexadecimal digits');
  const publicKeys = (values['public-key'] ?? []).map((file) => readPublicKey(readFileSync(file, 'utf8')));
  return {
    folder,
    json: values.json ?? false,
    options: { publicKeys, expected: values.expect?.toLowerCase() },
  };
}

const count = (number: number, singular: string, plural: string): string =>
  `${number} ${number === 1 ? singular : plural}`;

function signatures({ lines, signedLines }: FolderVerification, isChecked: boolean): string {
  if (signedLines === 0) return "The manifest isn't signed.";
  const signed = `${signedLines} of ${count(lines, 'line', 'lines')} of the manifest are signed`;
  return isChecked ? `${signed} by the key given.` : `${signed}; not checked (--public-key FILE).`;
}

/** One line a finding, then what was looked at. */
function report(folder: string, verification: FolderVerification, isChecked: boolean): string[] {
  const { findings, recordings, deleted, held, unfinished, tornLines, lastSha256 } = verification;
  return [
    ...findings.map(({ words: words }) => words),
    ...unfinished.map(
      (name) => `(${name} is unfinished: under way, or completed at the recorder's next start.)`,
    ),
    ...tornLines.map(
      (line) =>
        `(Line ${line} of the manifest was torn by a crash while it was written; that is no fault of the recordings.)`,
    ),
    `${folder}: ${count(recordings, 'recording', 'recordings')}, ${held} under hold, ${deleted} deleted as the manifest says, ${unfinished.length} unfinished.`,
    signatures(verification, isChecked),
    `The manifest's last line has the SHA-256 ${lastSha256}`,
    findings.length === 0
      ? 'Good: everything is as it was recorded.'
      : `NOT GOOD: ${count(findings.length, 'finding', 'findings')}.`,
  ];
}

async function run({ folder, json, options }: Command): Promise<void> {
  const verification = await verifyFolder(folder, options);
  const lines = json
    ? [JSON.stringify(verification, undefined, 2)]
    : report(folder, verification, (options.publicKeys ?? []).length > 0);
  console.log(lines.join('\n'));
  process.exitCode = verification.findings.length === 0 ? 0 : 1;
}

function fail(error: unknown): void {
  console.error(
    `o2g-verify: ${error instanceof Error ? error.message : String(error)}\nSee o2g-verify --help`,
  );
  process.exitCode = 2;
}

try {
  const command = readCommand(process.argv.slice(2));
  if (command === undefined) console.log(HELP);
  else run(command).catch(fail);
} catch (error) {
  fail(error);
}
