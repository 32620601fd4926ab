import { channelFaults } from './channels';
import { linkFaults } from './links';
import { serverFaults } from './server';
import type { Faults, FaultTargets } from './types';

/** All faults of a simulator. */
export function faultsOf(targets: FaultTargets): Faults {
  const { overrides, timing } = targets;
  return {
    ...serverFaults(targets),
    ...linkFaults(targets),
    ...channelFaults(targets),
    answerNext: (override) => {
      overrides.add(override);
    },
    clearAnswers: () => {
      overrides.clear();
    },
    thinkTime: (ms) => {
      timing.thinkMs = ms;
    },
  };
}
