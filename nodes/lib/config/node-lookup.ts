/** What the two config nodes share: being used, and living on over deploys. */
import type { Node, NodeAPI } from 'node-red';
import { asO2GError, invalid, type Logger } from '../../../o2g';
import { isBlank } from './properties';
import type { RecorderNode, ServerNode } from './config-node-types';

/** The log of a node: what the libraries tell goes there, once. */
export function logOf(node: Node): Logger {
  return {
    info: (line) => {
      node.log(line);
    },
    warn: (line) => {
      node.warn(line);
    },
    debug: (line) => {
      node.debug(line);
    },
  };
}

/** The log of what belongs to no node: warnings only. */
export function runtimeLog(RED: NodeAPI): Logger {
  const log = (line: string): void => {
    RED.log.warn(line);
  };
  return { info: log, warn: log, debug: log };
}

/** Reads a configuration; a mistake in it is kept, to be shown and to answer every request with. */
export function attempt<T>(read: () => T): () => T {
  try {
    const value = read();
    return () => value;
  } catch (error) {
    const configError = asO2GError(error);
    return () => {
      throw configError;
    };
  }
}

/** Another node by its id; undefined when there is none, or when it is of another type. */
export function nodeOf(RED: NodeAPI, id: unknown, type: string): Node | undefined {
  if (typeof id !== 'string' || id === '') return undefined;
  // getNode answers null for an unknown id, whatever its type says.
  const node = RED.nodes.getNode(id) as Node | null;
  return node?.type === type ? node : undefined;
}

/**
 * The built-in recorder of a node's configuration.
 * @returns undefined when there is none
 * @throws O2GError `INVALID_INPUT` when it doesn't exist
 */
export function configuredRecorder(RED: NodeAPI, field: string, id: unknown): RecorderNode | undefined {
  if (isBlank(id)) return undefined;
  const node = nodeOf(RED, id, 'o2g-recorder');
  if (!node) throw invalid(field, id, 'a built-in recorder that exists and is enabled');
  return node as RecorderNode;
}

/**
 * The server of a node's configuration.
 * @throws O2GError `INVALID_INPUT` when it doesn't exist
 */
export function configuredServer(RED: NodeAPI, id: unknown): ServerNode {
  const node = nodeOf(RED, id, 'o2g-server');
  if (!node) throw invalid('server', id, 'an O2G server that exists and is enabled');
  return node as ServerNode;
}
