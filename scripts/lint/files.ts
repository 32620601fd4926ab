// Checks the files of the repository in the current folder: one line a finding, and exit code 1 if there is any.
import { lint } from './checks';
import { repositoryFiles } from './repository';

const lines = lint(repositoryFiles(process.cwd()));
for (const line of lines) console.log(line);
process.exitCode = lines.length > 0 ? 1 : 0;
