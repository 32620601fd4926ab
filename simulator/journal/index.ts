export { Expectations, type Expectation, type RequestPattern } from './expectations';
export { Journal, type LoginAttempt, type RequestRecord } from './journal';
