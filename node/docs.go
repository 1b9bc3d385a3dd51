package node

import "github.com/gofiber/fiber/v2"

func (n *Node) docs(*fiber.App) {}
