import type { NodeAPI, NodeDef } from 'node-red';
import { validated } from '../o2g';
import { actOnDevices } from './lib/actions';
import { asNumber } from './lib/config';

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('o2g-beep', function (this, definition: NodeDef) {
    RED.nodes.createNode(this, definition);
    actOnDevices(RED, this, { ...definition }, ['tone', 'presenceDuration', 'silenceDuration'], {
      start: {
        read(number, { tone, presenceDuration, silenceDuration }) {
          const { deviceNumber, ...beep } = validated('StartBeepRequest', {
            deviceNumber: number,
            tone: asNumber(tone),
            presenceDuration: asNumber(presenceDuration),
            silenceDuration: asNumber(silenceDuration),
          });
          return (link) => link.beep(deviceNumber, beep);
        },
      },
      stop: { read: (deviceNumber) => (link) => link.stopBeep(deviceNumber) },
    });
  });
};
