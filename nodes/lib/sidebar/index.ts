export { offerOverview } from './overview-routes';
