// Package zookeeper is the coordinator that keeps members, the election of the
// root, its epochs and the placement in ZooKeeper. Data never goes through it, nor
// do signs of life: a node hears from ZooKeeper who is the root, and then joins
// that root's directory over HTTP as with the embedded coordinator.
//
// # What a node does
//
// It makes a Coordinator, runs it, and acts on its events:
//
//	Elected    this node is the candidate of an epoch: it gathers, then calls Serve or StepAside
//	Following  another node serves as the root of an epoch: join it
//	Leaderless nobody is known to serve; whoever was candidate or root is it no more
//	Refused    another process has this node's name; Run returns that error
//
// While a node is candidate or root it acts only until the time of the last Leased
// (see lease.go for why that is safe). Nothing is delivered while ZooKeeper cannot be
// reached: followers go on following, and the root's lease runs out.
//
// # What is in ZooKeeper
//
// All values but the epoch are JSON. NS is the namespace, /xylem by default.
//
//	NS/members/NODE-3  ephemeral: {"id":3,"address":"http://...","instance":"...","epoch":4,"seq":1042,"promised":4,"fit":true,"round":5}
//	                   what NODE-3 held when it joined or last took part in an election, and in which (round is the epoch it was about)
//	NS/epoch           the last epoch that was taken, in decimal digits
//	NS/root            ephemeral of the candidate or root: {"id":3,"address":"http://...","instance":"...","epoch":5,"serving":true}
//	NS/placement       who is at which position, in heap order from 1, 0 for nobody: [3,1,2,0,0,0,0]; empty before the first root
//	NS/handover        who is to go first in the election after an epoch: {"to":3,"epoch":5}; empty before the first hand-over
//	NS/tree-id         the id of the tree, in hexadecimal: that of the last root, or, before any has served, of the first candidate; empty before
//	NS/tree/NODE-3/NODE-1/...  the tree, nested, for people: {"position":2,"address":"http://..."}
//
// Whoever creates NS/root is the candidate; while it is there nobody else can be. The
// candidate takes its epoch by one transaction that raises NS/epoch and writes the
// epoch into NS/root, so one epoch belongs to one process. All that it writes later,
// placement, tree and hand-over, is written by transactions that hold only while
// NS/epoch has not been written since: an old root changes nothing.
//
// With credentials everything is for that identity alone; without, open to all.
package zookeeper
