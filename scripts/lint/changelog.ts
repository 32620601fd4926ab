/** The changelog, as keepachangelog.com describes it. */
import { manifestOf, type Check, type Files, type Finding } from './repository';

const FILE = 'CHANGELOG.md';
const KINDS = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];
const RELEASE_TITLE = /^\[(?:Unreleased\]|\d+\.\d+\.\d+[^\]]*\] - \d{4}-\d{2}-\d{2})\n/;

export const CHANGELOG_CHECKS: readonly Check[] = [title, headings, versions];

function* title(files: Files): Iterable<Finding> {
  if (!files.read(FILE).startsWith('# Changelog\n'))
    yield { file: FILE, problem: 'It must start with "# Changelog".' };
}

/** Each release says its version and date, and each kind of change says something. */
function* headings(files: Files): Iterable<Finding> {
  for (const release of releasesOf(files)) {
    const [head = '', ...kinds] = release.split(/^### /m);
    const name = head.split('\n')[0] ?? '';
    if (!RELEASE_TITLE.test(head))
      yield { file: FILE, problem: `"## ${name}" is neither [Unreleased] nor [version] - date.` };
    for (const kind of kinds) {
      const [own = '', ...lines] = kind.split('\n');
      if (!KINDS.includes(own))
        yield { file: FILE, problem: `"### ${own}" is no kind of change; use one of ${KINDS.join(', ')}.` };
      if (!lines.some((line) => line.startsWith('- ')))
        yield { file: FILE, problem: `"### ${own}" of ${name} says nothing; remove it.` };
    }
  }
}

/** The newest version comes first, and this one is there. */
function* versions(files: Files): Iterable<Finding> {
  const releases = releasesOf(files);
  const found = releases.flatMap((release) => /^\[(\d[^\]]*)\]/.exec(release)?.[1] ?? []);
  const ordered = [...found].sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  if (found.join() !== ordered.join())
    yield { file: FILE, problem: `The versions must be ordered newest first: ${ordered.join(', ')}.` };
  const { version } = manifestOf(files);
  if (!releases.some((release) => release.startsWith('[Unreleased]')) && found[0] !== version)
    yield { file: FILE, problem: `It needs an [Unreleased] part, or one for ${version} of package.json.` };
}

function releasesOf(files: Files): string[] {
  return files.read(FILE).split(/^## /m).slice(1);
}
