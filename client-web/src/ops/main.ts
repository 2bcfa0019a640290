/** The operators' page: an entry of its own, so that no player loads any of it. */
import './styles';
import { openOps } from './api';
import { keptKey } from './key';
import { OpsPage } from './page';

const root = document.getElementById('ops');
if (root === null) throw new Error('ops.html has no #ops');

new OpsPage({ root, open: openOps, key: keptKey() });
