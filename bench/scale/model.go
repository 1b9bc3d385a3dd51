package main

import (
	"math"
	"slices"
	"time"

	"xylem/coordinator"
	xylem "xylem/node"
	"xylem/sync/replica"
)

// The model of docs/scale.md, computed on a grid of times: a slice holds at i the
// probability of the time i*step, or, where it is called a distribution, of that or less.

// prediction is what the model says of one write on an idle tree, in seconds.
type prediction struct {
	nodeP50, nodeP99 float64 // until a node has it
	lastP50, lastP99 float64 // until the last has it

	last        []float64 // the distribution of that, on the grid, after a constant
	step, begin float64
}

// lastWithin is how likely the last node has a write within that time.
func (p prediction) lastWithin(seconds float64) float64 {
	i := int((seconds - p.begin) / p.step)
	if i < 0 {
		return 0
	}
	return p.last[min(i, len(p.last)-1)]
}

// predict computes the prediction for settings. It needs no nodes, so the depth may be
// any.
func predict(s settings) prediction {
	key := predicting{s.parameters, s.place.key, s.place.step}
	p, known := predicted[key]
	if !known {
		m := newModel(s)
		if s.relay {
			p = m.tree()
		} else {
			p = m.direct()
		}
		predicted[key] = p
	}
	return p
}

// predicting is what a prediction is of.
type predicting struct {
	parameters
	place string
	step  float64
}

// predicted are the predictions that were computed: a load's rests on that of one write.
var predicted = map[predicting]prediction{}

// maxPoints bounds the grid: where it is long, its step is wider.
const maxPoints = 40_000

// model is what both modes have in common.
type model struct {
	settings
	points  int
	regions int
	hops    [][][]float64 // densities of one message from region to region, and what of them is not below its least
	begin   []float64     // density of what passes at the root until it pushes: processor and disk
}

func newModel(s settings) *model {
	horizon := s.place.longest(s.depth)
	if s.loss > 0 {
		horizon += 1.8
	}
	if !s.relay {
		horizon += 0.6 * float64(s.size()) * s.cost.Seconds()
	}
	s.place.step = max(s.place.step, horizon/maxPoints)
	m := &model{settings: s, points: int(horizon/s.place.step) + 1, regions: len(s.place.medians)}
	for _, row := range s.place.medians {
		var densities [][]float64
		for _, median := range row {
			densities = append(densities, m.lognormal(median, s.place.sigma))
		}
		m.hops = append(m.hops, densities)
	}
	m.begin = m.lognormal(s.flush.Seconds(), 0.5)
	return m
}

// lognormal is a density up to where nothing is left of it.
func (m *model) lognormal(median, sigma float64) []float64 {
	below := func(t float64) float64 {
		if t <= 0 {
			return 0
		}
		return 0.5 * math.Erfc(-math.Log(t/median)/(sigma*math.Sqrt2))
	}
	points := int(median*math.Exp(6.5*sigma)/m.place.step) + 2
	density := make([]float64, points)
	for i := range density {
		density[i] = below((float64(i)+0.5)*m.place.step) - below((float64(i)-0.5)*m.place.step)
	}
	return density
}

// after is what follows once a message from one region to another has come: the
// convolution of what with its transit.
func (m *model) after(what, hop []float64) []float64 {
	sum := convolve(what, hop)
	m.addTail(sum)
	m.addLoss(sum)
	return sum
}

// convolve adds an independent time, of the given density.
func convolve(what, density []float64) []float64 {
	sum := make([]float64, len(what))
	least := 0
	for least < len(density)-1 && density[least] < 1e-12 {
		least++
	}
	for j := least; j < len(density); j++ {
		p := density[j]
		for i, x := range what[:max(len(what)-j, 0)] {
			sum[i+j] += p * x
		}
	}
	return sum
}

// addTail adds, for the share of messages that wait longer, an exponential time.
func (m *model) addTail(x []float64) {
	keep := math.Exp(-m.place.step / tailMean)
	waiting := 0.0
	for i := range x {
		waiting = keep*waiting + (1-keep)*x[i]
		x[i] = (1-tailShare)*x[i] + tailShare*waiting
	}
}

// addLoss adds retransmissions: one lost packet, two in a row, three.
func (m *model) addLoss(x []float64) {
	if m.loss == 0 {
		return
	}
	waits := []int{0, 1, 3, 7}
	by := int(math.Round(retransmit / m.place.step))
	for i := len(x) - 1; i >= 0; i-- {
		sum, p := 0.0, 1-m.loss
		for _, n := range waits {
			if i >= n*by {
				sum += p * x[i-n*by]
			}
			p *= m.loss
		}
		x[i] = sum
	}
}

// shift adds a constant, which need not be a multiple of the step.
func (m *model) shift(x []float64, seconds float64) []float64 {
	whole, part := math.Modf(seconds / m.place.step)
	shifted := make([]float64, len(x))
	for i := range shifted {
		at := i - int(whole)
		if at >= 0 && at < len(x) {
			shifted[i] += (1 - part) * x[at]
		}
		if at >= 1 && at <= len(x) {
			shifted[i] += part * x[at-1]
		}
	}
	return shifted
}

// sides are how long a node's processor is busy between taking a push and sending it on,
// to the left and to the right.
func (m *model) sides() [2]float64 {
	half := m.cost.Seconds() / 2
	return [2]float64{m.write.Seconds() + 3*half, m.write.Seconds() + 4*half}
}

// tree is the prediction where nodes pass pushes on. G(h,r), the distribution of the time until the
// last of a subtree of height h has a push, from when its highest node in region r has,
// is a product of two: the sides are independent of each other. Each is G(h-1), later by a hop.
func (m *model) tree() prediction {
	last := m.fill(1)                  // distributions, by region
	node := m.fill(1)                  // of one node, so many levels below
	mixed := make([]float64, m.points) // of any node below the root
	half := m.cost.Seconds() / 2
	for level := 1; level < m.depth; level++ {
		below, nodeBelow := last, node
		last, node = m.fill(0), m.fill(0)
		for r := range m.regions {
			arrived, nodeArrived := m.hop(below, r), m.hop(nodeBelow, r)
			for side, seconds := range m.sides() {
				later, nodeLater := m.shift(arrived, seconds), m.shift(nodeArrived, seconds)
				for i := range later {
					if side == 0 {
						last[r][i], node[r][i] = later[i], nodeLater[i]/2
					} else {
						last[r][i] *= later[i]
						node[r][i] += nodeLater[i] / 2
					}
				}
			}
		}
		share := float64(int(1)<<level) / float64(m.size()-1)
		for i, x := range node[0] {
			mixed[i] += share * x
		}
	}
	// The root has no push to take and to write, but a write: about as long, and the disk. The
	// last node of a path does not send it on, but takes it.
	ends := convolve(last[0], m.begin)
	all := convolve(mixed, m.begin)
	return m.read(all, ends, half)
}

// hop is the distribution of what begins when a message from a region has come.
func (m *model) hop(below [][]float64, from int) []float64 {
	sum := make([]float64, m.points)
	for to := range m.regions {
		for i, x := range m.after(below[to], m.hops[from][to]) {
			sum[i] += x / float64(m.regions)
		}
	}
	return sum
}

// direct is the prediction where the root pushes to all: to one after the other, so the
// last waits for all others.
func (m *model) direct() prediction {
	half := m.cost.Seconds() / 2
	nodes := float64(m.size() - 1)
	perNode := half / m.place.step // grid points between two pushes
	width := nodes * perNode
	one := m.shift(m.hop(m.fill(1), 0), m.sides()[0]-half)
	logs, sums := make([]float64, len(one)+1), make([]float64, len(one)+1)
	for i, x := range one {
		logs[i+1] = logs[i] + math.Log(max(x, 1e-300))
		sums[i+1] = sums[i] + x
	}
	between := func(prefix []float64, i int) float64 { // over the points that lie up to width before i
		from, part := math.Modf(max(float64(i+1)-width, 0))
		at := int(from)
		if at > i {
			return 0
		}
		return prefix[i+1] - prefix[at] - part*(prefix[at+1]-prefix[at])
	}
	all, ends := make([]float64, len(one)), make([]float64, len(one))
	for i := range one {
		all[i] = between(sums, i) / width
		if float64(i+1) >= width {
			ends[i] = math.Exp(between(logs, i) / perNode)
		}
	}
	return m.read(convolve(all, m.begin), convolve(ends, m.begin), 2*half)
}

// fill makes a slice for each region, with one value everywhere.
func (m *model) fill(with float64) [][]float64 {
	made := make([][]float64, m.regions)
	for r := range made {
		made[r] = slices.Repeat([]float64{with}, m.points)
	}
	return made
}

// read takes quantiles from two distributions, later by a constant.
func (m *model) read(node, last []float64, seconds float64) prediction {
	at := func(distribution []float64, q float64) float64 {
		for i, x := range distribution {
			if x >= q {
				return float64(i)*m.place.step + seconds
			}
		}
		return math.Inf(1)
	}
	return prediction{
		nodeP50: at(node, 0.5), nodeP99: at(node, 0.99), lastP50: at(last, 0.5), lastP99: at(last, 0.99),
		last: last, step: m.place.step, begin: seconds,
	}
}

// load is what the model says of the root under a steady load.
type load struct {
	requestsOut, bytesOut float64 // per second
	requestsIn, bytesIn   float64
	busy                  float64       // share of one processor; above 1 the root cannot keep up
	period                time.Duration // between two pushes to one node
}

// predictLoad computes what leaves and enters the root at so many writes a second.
func predictLoad(s settings, writes float64) load {
	fan, reports, reportBytes := float64(s.size()-1), 0.0, 0.0
	signs := fan / s.signInterval().Seconds()
	if s.relay {
		fan = min(fan, 2)
		reports, reportBytes = s.reports(writes)
	}
	c := s.cost.Seconds()
	heartbeats := 1 / s.schedule.Seconds()
	idle := c * (signs + reports + writes + fan*heartbeats)
	wanted := s.pushRate(writes)
	rate := wanted
	if most := max((1-idle)/(c*fan), 0); rate > most {
		rate = most
	}
	l := load{requestsOut: fan * (rate + heartbeats)}
	if rate+heartbeats > 0 {
		l.period = time.Duration(float64(time.Second) / (rate + heartbeats))
	}
	l.requestsIn = signs + reports
	answers := float64(answerHead + 30)
	l.bytesOut = l.requestsOut*(requestHead+headerBytes) + fan*min(writes, rate*float64(s.keys))*entryBytes + signs*s.meanAdmission() + reports*answers
	l.bytesIn = l.requestsOut*ackBytes + signs*signBytes + reports*(requestHead+reportBytes)
	l.busy = idle + c*fan*rate
	if rate < wanted {
		l.busy = max(1, idle)
	}
	return l
}

// headerBytes is the size of a push without entries, entryBytes what a write of these runs adds to
// it, reportBytes the size of a short report, and laggardBytes of each node that it tells of by itself.
const (
	headerBytes  = 95
	entryBytes   = 134
	reportBytes  = 85
	laggardBytes = 25
)

// reports are how many reports a second come to the root, and their mean size. A node
// reports when all below it have confirmed what it holds, or as a sign of life. They all
// have if a write is down and its confirmation up again before the next comes; going up takes
// about as long as going down.
func (s *settings) reports(writes float64) (perSecond, bytes float64) {
	signs := replica.SignsPerTimeout / s.liveness.Seconds()
	if writes == 0 {
		return 2 * signs, reportBytes
	}
	settled := predict(*s).lastWithin(1 / (2 * writes))
	return 2 * max(signs, writes*settled), reportBytes + (1-settled)*replica.MaxLaggards*laggardBytes
}

// pushRate is how many pushes a second go to a node, as far as they are not bound by the
// root's processor: there is one for each write, but only one at a time is under way, out and back, and those
// that follow each other begin no closer than at a pace. Where the
// root pushes to all, each link has a pace of its own; of its two children in a tree that relays the mean
// round trip has to stand for both.
func (s *settings) pushRate(writes float64) float64 {
	busy := 2*s.cost.Seconds() + s.write.Seconds()
	writes = min(writes, 1/replica.Defaults(s.liveness).Pace.Seconds())
	if s.relay {
		return min(writes, 1/(s.place.roundTrip()+busy))
	}
	sum := 0.0
	for _, median := range s.place.medians[0] {
		sum += min(writes, 1/(2*median*math.Exp(s.place.sigma*s.place.sigma/2)+busy))
	}
	return sum / float64(len(s.place.medians))
}

// roundTrip is the mean of a message and its answer, in seconds.
func (p *place) roundTrip() float64 {
	sum := 0.0
	for _, row := range p.medians {
		for _, median := range row {
			sum += 2 * median * math.Exp(p.sigma*p.sigma/2)
		}
	}
	return sum/float64(len(p.medians)*len(p.medians)) + 2*tailShare*tailMean
}

// meanAdmission is the mean size of the answer to a sign of life: most nodes are
// leaves.
func (s *settings) meanAdmission() float64 { return viewBytes + levelBytes*float64(s.depth-2) }

// signInterval is the time between two signs of life of a node to the root.
func (s *settings) signInterval() time.Duration {
	if s.relay {
		return xylem.RejoinDelay(s.liveness, s.size())
	}
	return s.liveness / coordinator.SignsPerTimeout
}
