import './ui/styles';
import { openApi } from './api';
import { App } from './pages/app';
import { engineCatalogue } from './pages/catalogue';
import { beginStart, createPlayer, preparePlayer } from './player';

const root = document.getElementById('app');
if (root === null) throw new Error('index.html has no #app');

const app = new App({ root, catalogue: engineCatalogue(openApi()), createPlayer, preparePlayer, beginStart });
Object.defineProperty(window, 'firstlight', { value: app.firstlight, enumerable: true });
