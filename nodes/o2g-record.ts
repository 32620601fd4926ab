import type { NodeAPI, NodeDef } from 'node-red';
import type { Recorded } from '../o2g/link';
import type { RecordTarget } from '../o2g/plan';
import { checked, invalid } from '../o2g/validate';
import { actOnDevices } from './lib/device-node';
import { asNumber, isBlank } from './lib/properties';

const IP_FIELDS = ['ipRecorderAddr', 'sentFlowPort', 'receivedFlowPort'];
const TDM_FIELDS = ['crystal', 'board', 'timeslot'];

export = (RED: NodeAPI): void => {
  RED.nodes.registerType('o2g-record', function (this, definition: NodeDef) {
    RED.nodes.createNode(this, definition);
    actOnDevices(RED, this, { ...definition }, ['mode', ...IP_FIELDS, ...TDM_FIELDS], {
      start: {
        read(deviceNumber, fields) {
          const target = readTarget(deviceNumber, fields);
          return async (link) => inForce(await link.record(deviceNumber, target));
        },
      },
      stop: { read: (deviceNumber) => async (link) => inForce(await link.stopRecord(deviceNumber)) },
    });
  });
};

function readTarget(deviceNumber: string, fields: Readonly<Record<string, unknown>>): RecordTarget {
  const { mode = isBlank(fields.timeslot) ? 'ip' : 'tdm', ipRecorderAddr } = fields;
  if (mode !== 'ip' && mode !== 'tdm') throw invalid('mode', mode, 'ip or tdm');
  const given = (names: readonly string[]): Record<string, unknown> => Object.fromEntries(names.map((name) => [name, asNumber(fields[name])]));
  if (mode === 'tdm') {
    const { crystal, board, timeslot } = checked('StartTDMRecordRequest', { deviceNumber, ...given(TDM_FIELDS) });
    return { mode, crystal, board, timeslot };
  }
  const { sentFlowPort, receivedFlowPort, ...request } = checked('StartRecordRequest', { deviceNumber, ...given(IP_FIELDS), ipRecorderAddr });
  if (sentFlowPort === receivedFlowPort) throw invalid('receivedFlowPort', receivedFlowPort, 'another port than sentFlowPort: each direction needs its own');
  return { mode, ipRecorderAddr: request.ipRecorderAddr, sentFlowPort, receivedFlowPort };
}

/** What is in force now, in the fields of the message. */
function inForce({ target, ...recorded }: Recorded): object {
  return { ...recorded, ...target };
}
