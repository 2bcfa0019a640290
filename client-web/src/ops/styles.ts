import '../ui/base.css';
import './ops.css';
