import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { CACHE } from './toolchain';

/** A self-signed certificate, which is its own authority. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
  /** Where both lie as PEM: for `NODE_EXTRA_CA_CERTS` or a tls-config by file. */
  readonly keyFile: string;
  readonly certFile: string;
}

const DAYS = 30;

/** A certificate for 127.0.0.1 and localhost, or for other names; made by openssl once and kept in the cache for some weeks. */
export async function certificate(...names: string[]): Promise<Certificate> {
  const hosts = names.length > 0 ? names : ['localhost', '127.0.0.1'];
  const dir = join(CACHE, 'certificates', hosts.join('+'));
  const certFile = join(dir, 'cert.pem');
  const keyFile = join(dir, 'key.pem');
  if (!(await isValid(certFile))) await make(dir, hosts);
  return { key: await readFile(keyFile, 'utf8'), cert: await readFile(certFile, 'utf8'), keyFile, certFile };
}

async function isValid(certFile: string): Promise<boolean> {
  try {
    const { validTo } = new X509Certificate(await readFile(certFile));
    return Date.parse(validTo) > Date.now() + 86_400_000;
  } catch {
    return false; // missing or broken: make a new one
  }
}

/** Key and certificate appear together, so that another run never sees one without the other. */
async function make(dir: string, hosts: readonly string[]): Promise<void> {
  await mkdir(join(CACHE, 'certificates'), { recursive: true });
  const scratch = await mkdtemp(join(CACHE, 'certificates', 'new-'));
  const alternatives = hosts.map((host) => `${/^[\d.]+$/.test(host) ? 'IP' : 'DNS'}:${host}`).join(',');
  await promisify(execFile)('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    String(DAYS),
    '-subj',
    `/CN=${hosts[0] ?? 'localhost'}`,
    '-addext',
    `subjectAltName=${alternatives}`,
    '-keyout',
    join(scratch, 'key.pem'),
    '-out',
    join(scratch, 'cert.pem'),
  ]);
  await rm(dir, { recursive: true, force: true });
  await rename(scratch, dir);
}
