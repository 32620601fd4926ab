import Mocha from 'mocha';

/** Mocha's own report, and its sum in one plain line at the very end, for whoever reads a long log by machine. */
export default class Reporter extends Mocha.reporters.Spec {
  override epilogue(): void {
    super.epilogue();
    process.stdout.write(`${this.stats.passes} passed, ${this.stats.failures} failed\n`);
  }
}
