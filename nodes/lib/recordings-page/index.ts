export { addRecordingsRoutes } from './recordings-routes';
