/* open-page.ts - what it takes to show a dashboard, in one file: it is fetched while the server is asked for the document. */
export { openDashboard } from './model/load.ts';
export { Page } from './page.ts';
