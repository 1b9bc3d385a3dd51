package main

import "testing"

func TestReadyIsTheExitStatus(t *testing.T) {
	ready := newFakeNode(t, map[string]string{"GET /readyz": `200 {"status":"ready"}`})
	xylem(t, nil, "ready", ready.url).want(t, 0, "ready\n", "")
	xylem(t, ready.env(), "ready", "3").want(t, 0, "ready\n", "")
	starting := newFakeNode(t, map[string]string{"GET /readyz": `503 {"detail":"holds no state yet"}`})
	xylem(t, nil, "ready", starting.url).want(t, 1, "", "503 holds no state yet\n")
	xylem(t, []string{"XYLEM_API_PORT=1"}, "ready").wantError(t, 3, "http://localhost:1 cannot be reached")
	xylem(t, nil, "ready", "1", "2").wantError(t, 2, "ready takes [NODE]; 2 given")
	xylem(t, nil, "ready", "9").wantError(t, 2, "outside this tree")
}
