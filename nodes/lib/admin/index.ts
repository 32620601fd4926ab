export { needsPermission, type AdminRequest, type AdminResponse } from './permission';
