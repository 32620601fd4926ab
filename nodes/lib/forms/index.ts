export { addConnectionTestRoute } from './connection-test-route';
export { addSuggestionsRoute } from './suggestions';
