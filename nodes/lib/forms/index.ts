export { offerTrial } from './connection-test-route';
export { offerSuggestions } from './suggestions';
