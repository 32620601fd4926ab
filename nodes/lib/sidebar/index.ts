export { addOverviewRoutes } from './overview-routes';
