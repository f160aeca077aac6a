import { runTogether } from '../../support/run-together';

runTogether(__filename);
