/** The document at `/saves`. */
import './ui/base.css';
import './ui/library.css';
import './pages/saves.css';
import { openApi } from './api';
import { SavesPage } from './pages/saves';
import { openSaves } from './pages/saves-api';

const root = document.getElementById('app');
if (root === null) throw new Error('saves.html has no #app');

const api = openApi();
new SavesPage({ root, saves: openSaves(), titles: (signal) => api.titles(signal) });
