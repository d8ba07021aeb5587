  const NEWS = 60000;
  // Behind a balancer any instance may answer: so often is each route asked again for the one that is shown. One that has
  // not answered in so many looks is gone.
  const ROUNDS = 4, GONE = 5;
  let token = '', timer = 0, busy = false, again = false, paused = false, generation = 0, previewed = null;
  let range = '1h', every = 2, query = '', sort = { by: 'calls', down: true }, rows = [];
  // What each instance has answered, by its id; which of them is shown, and since when instead of another.
  const seen = new Map();
  let shown = null, switched = 0;

