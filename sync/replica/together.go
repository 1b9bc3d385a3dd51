package replica

// The inputs of a driver that has several things to bring at once.
type (
	// Submits are some Submits that came together: they are decided together. The
	// replica keeps what Groups points to, not the slice.
	Submits struct{ Groups []*Submit }

	// Hold tells that Submits follow at once, none perhaps: until then no batch is begun, so
	// that those who are answered meanwhile may be in the next.
	Hold struct{}
)

func (*Submits) isInput() {}
func (Hold) isInput()     {}

// submitAll takes Submits in. What each of them would begin waits for the last.
func (r *Replica) submitAll(in *Submits) {
	r.held = true
	for _, group := range in.Groups {
		r.submit(group)
	}
	r.held = false
	r.order()
	r.forward()
	r.writeLocal()
}
