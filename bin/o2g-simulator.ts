#!/usr/bin/env node
import { startSimulator, HELP, parseCommand, UsageError, type Simulator, type Command } from '../simulator';

/** A closing that hangs must not keep the terminal: Ctrl-C ends the command within this many ms in any case. */
const SIMULATOR_CLOSE_TIMEOUT_MS = 1500;

const printLine = (line: string): void => {
  console.log(`${new Date().toTimeString().slice(0, 8)} ${line}`);
};

function readCommand(): Command {
  try {
    return parseCommand(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`o2g-simulator: ${error.message}\nSee o2g-simulator --help`);
    process.exit(2);
  }
}

function reasonOf(error: unknown): string {
  const { code, port, message } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE')
    return `port ${port ?? ''} is taken: choose others with --port, --event-port, --control-port`;
  if (code === 'EACCES') return `port ${port ?? ''} may not be opened: choose one above 1023`;
  return message;
}

function closeOn(signal: NodeJS.Signals, simulator: Simulator): void {
  process.once(signal, () => {
    setTimeout(() => {
      process.exit(0);
    }, SIMULATOR_CLOSE_TIMEOUT_MS).unref();
    void simulator.close().then(() => {
      process.exit(0);
    });
  });
}

async function run({ options, callsEveryMs, plays, verbose }: Command): Promise<void> {
  const simulator = await startSimulator({ ...options, log: printLine });
  printLine(
    `O2G at ${simulator.url}, event channel on port ${simulator.eventPort}, administrator '${simulator.login}'`,
  );
  if (simulator.controlUrl !== undefined)
    printLine(`calls and faults: ${simulator.controlUrl}/ lists what can be done`);
  if (verbose)
    simulator.onRequest(({ method, path, status }) => {
      printLine(`${method} ${path} -> ${status}`);
    });
  if (callsEveryMs !== undefined) simulator.autoplay({ everyMs: callsEveryMs, plays });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) closeOn(signal, simulator);
  printLine('Ctrl-C ends it');
}

const command = readCommand();
if (command.help) {
  console.log(HELP);
} else {
  run(command).catch((error: unknown) => {
    console.error(`o2g-simulator: ${reasonOf(error)}`);
    process.exit(1);
  });
}
