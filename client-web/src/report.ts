/** The document at `/report/<session>`. */
import './ui/base.css';
import './ui/library.css';
import './ui/overlay.css';
import './pages/report.css';
import { ReportPage } from './pages/report';

const root = document.getElementById('app');
if (root === null) throw new Error('report.html has no #app');

const session = location.pathname.split('/').at(-1) ?? '';
const key = location.hash.slice(1);
new ReportPage({ root, session, key: key === '' ? null : key });
