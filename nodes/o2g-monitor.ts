import type { NodeAPI, NodeDef } from 'node-red';
import { validated } from '../o2g';
import { actOnDevices } from './lib/actions';

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('o2g-monitor', function (this, definition: NodeDef) {
    RED.nodes.createNode(this, definition);
    actOnDevices(RED, this, { ...definition }, [], {
      start: {
        read(deviceNumber) {
          validated('MonitorRequest', { deviceNumber });
          return (link) => link.monitor(deviceNumber);
        },
      },
      stop: { read: (deviceNumber) => (link) => link.stopMonitor(deviceNumber) },
    });
  });
};
