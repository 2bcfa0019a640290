import './base.css';
import './library.css';
import './play.css';
import './overlay.css';
