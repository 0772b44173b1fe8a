/* Goals 3 and 4: how smooth panels are under load. */
import '../../bench/panels.mjs';
