import type { NodeAPI, NodeDef } from 'node-red';
import { readDevices, Link, invalid, type LinkOptions } from '../o2g';
import {
  attempt,
  configuredRecorder,
  configuredServer,
  logOf,
  nodeOf,
  linksOf,
  isBlank,
  labelOf,
  readChoice,
  readNumber,
  readText,
  recordersOf,
  type Config,
  type LinkNode,
  type RecorderNode,
  type ServerNode,
} from './lib/config';
import { SharedResource, LinkStateFile } from './lib/lifecycle';
import { LINK_STATUS } from './lib/node';

export = (RED: NodeAPI): void => {
  RED.nodes.registerType<LinkNode, NodeDef, object, object>('o2g-link', function (this, definition) {
    RED.nodes.createNode(this, definition);
    const config: Config = { ...definition };
    const options = attempt(() => readOptions(config));
    const link = new SharedResource<Link>(RED, this, {
      dependencies: () => [
        (nodeOf(RED, config.server, 'o2g-server') as ServerNode | undefined)?.session,
        (nodeOf(RED, config.media, 'o2g-recorder') as RecorderNode | undefined)?.recorder,
      ],
      prepare: () => {
        const settings = options();
        configuredRecorder(RED, 'media', config.media);
        const session = configuredServer(RED, config.server).session.get();
        return {
          configuration: [settings, session.id],
          create: (previous) => {
            // What flows asked of the link before it was changed is still desired; on another OXE node it means nothing.
            const desiredStates =
              previous instanceof Link && previous.oxeNode === settings.oxeNode ? previous.desiredStates : [];
            const stateFile = new LinkStateFile(
              RED.settings.userDir ?? '.',
              this.id,
              identityOf(settings, session.hosts[0] ?? ''),
              logOf(this),
            );
            const created = new Link(settings, session, {
              log: logOf(this),
              stateStore: stateFile,
              desiredStates,
              recorders: recordersOf(RED),
            });
            if (previous instanceof Link)
              for (const [deviceNumber, problem] of previous.problems)
                created.takeOverProblem(deviceNumber, problem);
            return created;
          },
        };
      },
      activate: (current, predecessorClosed) => {
        void predecessorClosed.then(() => {
          current.start();
        });
        return current.onState.on(({ state }) => {
          this.status(LINK_STATUS[state]);
        });
      },
    });
    Object.assign(this, {
      label: labelOf(config, `OXE ${String(config.oxeNode)}`),
      oxeNode: Number(config.oxeNode),
      serverId: String(config.server),
      ...desireOf(config),
      media: readText(config, 'media'),
      link,
      users: link.users,
    });
    // A link with devices is needed by itself; one without only when a node uses it.
    if (!isBlank(config.devices) || !isBlank(config.record)) link.use(this, 'config node');
    this.on('close', linksOf(RED).add(this));
  });
};

/** What a stored registration is for: another server, node or type of recorder never adopts it. */
function identityOf({ oxeNode, recorder, secured }: LinkOptions, host: string): string {
  return [host, oxeNode, recorder, secured ?? ''].join(' ');
}

/** What is desired, as far as it can be read, whatever else is wrong with the configuration. */
function desireOf(config: Config): Pick<LinkNode, 'devices' | 'recordedDevices' | 'unreadableDevices'> {
  const unreadable: string[] = [];
  const read = (name: 'devices' | 'record'): string[] => {
    try {
      return isBlank(config[name]) ? [] : readDevices(name, config[name]);
    } catch {
      unreadable.push(String(config[name]));
      return [];
    }
  };
  const devices = read('devices');
  const recorded = config.record === 'all' ? devices : read('record');
  return {
    devices: new Set([...devices, ...recorded]),
    recordedDevices: new Set(recorded),
    unreadableDevices: unreadable.length > 0 ? unreadable.join(', ') : undefined,
  };
}

function readOptions(config: Config): LinkOptions {
  if (isBlank(config.oxeNode))
    throw invalid('oxeNode', config.oxeNode, 'the number of an OXE node, such as 7');
  const oxeNode = readNumber(config, 'oxeNode', 0, 0, 65535);
  const secured = readChoice(config, 'secured', ['', 'true', 'false'], '');
  const devices = isBlank(config.devices) ? [] : readDevices('devices', config.devices);
  return {
    name: labelOf(config, `OXE ${oxeNode}`),
    oxeNode,
    recorder: readChoice(config, 'recorder', ['OTHER', 'NICE'], 'OTHER'),
    secured: secured === '' ? undefined : secured === 'true',
    devices,
    record: readRecord(config, devices),
    onStop: readChoice(config, 'onStop', ['close', 'keep'], 'close'),
  };
}

/** What is kept recorded without any action node. */
function readRecord(config: Config, devices: readonly string[]): LinkOptions['record'] {
  if (isBlank(config.record)) return undefined;
  const recorder = readText(config, 'media');
  if (recorder === undefined)
    throw invalid('media', recorder, 'a built-in recorder, for devices are to be kept recorded');
  return { devices: config.record === 'all' ? devices : readDevices('record', config.record), recorder };
}
