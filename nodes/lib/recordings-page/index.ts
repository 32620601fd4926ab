export { offerRecordings } from './recordings-routes';
