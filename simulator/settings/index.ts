export {
  settingsFrom,
  type AnnouncedUrls,
  type Settings,
  type SimulatorOptions,
  type SrtpOptions,
} from './options';
export {
  PILOTS,
  defaultPopulation,
  numbersOf,
  usersOf,
  type AgentOptions,
  type DeviceOptions,
  type NodeOptions,
  type Pilot,
  type UserOptions,
} from './population';
export { seededRandom } from './random';
